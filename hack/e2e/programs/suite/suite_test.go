// The upstream e2e suite as a test binary: the packages that hold conformance specs, with their manifests inside.
package suite

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"k8s.io/component-base/version"
	conformance "k8s.io/kubernetes/test/conformance/testdata"
	"k8s.io/kubernetes/test/e2e"
	"k8s.io/kubernetes/test/e2e/framework"
	"k8s.io/kubernetes/test/e2e/framework/config"
	"k8s.io/kubernetes/test/e2e/framework/testfiles"
	manifests "k8s.io/kubernetes/test/e2e/testing-manifests"
	fixtures "k8s.io/kubernetes/test/fixtures"

	_ "k8s.io/kubernetes/test/e2e/apimachinery"
	_ "k8s.io/kubernetes/test/e2e/apps"
	_ "k8s.io/kubernetes/test/e2e/architecture"
	_ "k8s.io/kubernetes/test/e2e/auth"
	_ "k8s.io/kubernetes/test/e2e/common"
	_ "k8s.io/kubernetes/test/e2e/dra"
	_ "k8s.io/kubernetes/test/e2e/feature"
	_ "k8s.io/kubernetes/test/e2e/framework/debug/init"
	_ "k8s.io/kubernetes/test/e2e/framework/metrics/init"
	_ "k8s.io/kubernetes/test/e2e/framework/node/init"
	_ "k8s.io/kubernetes/test/e2e/instrumentation"
	_ "k8s.io/kubernetes/test/e2e/kubectl"
	_ "k8s.io/kubernetes/test/e2e/network"
	_ "k8s.io/kubernetes/test/e2e/node"
	_ "k8s.io/kubernetes/test/e2e/scheduling"
	_ "k8s.io/kubernetes/test/e2e/storage"
	_ "k8s.io/kubernetes/test/utils/format"
)

func TestMain(m *testing.M) {
	printVersion := flag.Bool("version", false, "print the version of Kubernetes the suite is of")
	printConformance := flag.Bool("conformance", false, "print the list of conformance specs, YAML")
	specList := flag.String("spec-list", "", "file with the full names of the specs to run, one per line")
	specResults := flag.String("spec-results", "", "file that gets one line of JSON per spec that has ended")
	config.CopyFlags(config.Flags, flag.CommandLine)
	framework.RegisterCommonFlags(flag.CommandLine)
	framework.RegisterClusterFlags(flag.CommandLine)
	flag.Parse()
	if *printVersion {
		fmt.Println(version.Get().GitVersion)
		os.Exit(0)
	}
	testfiles.AddFileSource(manifests.GetE2ETestingManifestsFS())
	testfiles.AddFileSource(fixtures.GetTestFixturesFS())
	testfiles.AddFileSource(conformance.GetConformanceTestdataFS())
	if *printConformance {
		os.Exit(printConformanceList())
	}
	if *specList != "" {
		must(focusOn(*specList))
	}
	framework.AfterReadingAllFlags(&framework.TestContext)
	if *specResults != "" {
		reportTo(*specResults)
	}
	os.Exit(m.Run())
}

func TestSuite(t *testing.T) {
	e2e.RunE2ETests(t)
}

func printConformanceList() int {
	list, err := testfiles.Read("test/conformance/testdata/conformance.yaml")
	must(err)
	_, err = os.Stdout.Write(list)
	must(err)
	return 0
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
