// coredns is CoreDNS with the plugins that a cluster's DNS server needs, and none besides.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func init() {
	// Queries pass the plugins in this order, whatever the order in the Corefile.
	dnsserver.Directives = []string{
		"health", "ready", "errors", "log", "cache", "loadbalance", "kubernetes", "template",
	}
}

func main() {
	coremain.Run()
}
