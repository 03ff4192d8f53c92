// web is the demo's server: it says who answers, logs each request, and ends at once on SIGTERM.
// Its health is a switch, so that probes have something to see. `web get URL` is the client to it, with a resolver:
// Debian's static busybox crashes where it has to look up a name.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

const version = "nodelet-web 1"

func main() {
	listen := flag.String("listen", ":8080", "address to serve on")
	unhealthy := flag.Bool("unhealthy", false, "begin unhealthy, until POST /recover")
	flag.Parse()
	log.SetFlags(0)
	if flag.Arg(0) == "get" {
		get(flag.Arg(1))
		return
	}

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		log.Printf("%v, bye", <-signals)
		os.Exit(0)
	}()

	log.Printf("%s on %s", version, *listen)
	log.Fatal(http.ListenAndServe(*listen, logged(routes(!*unhealthy))))
}

func get(url string) {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
}

func routes(healthyAtStart bool) http.Handler {
	var healthy atomic.Bool
	healthy.Store(healthyAtStart)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(response http.ResponseWriter, _ *http.Request) {
		hostname, _ := os.Hostname()
		fmt.Fprintf(response, "pod %s on %s, %s\n", podName(hostname), hostname, text())
	})
	mux.HandleFunc("/healthz", func(response http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			http.Error(response, "unhealthy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(response, "ok")
	})
	mux.HandleFunc("/fail", func(http.ResponseWriter, *http.Request) { healthy.Store(false) })
	mux.HandleFunc("/recover", func(http.ResponseWriter, *http.Request) { healthy.Store(true) })
	return mux
}

func podName(hostname string) string {
	if name := os.Getenv("POD_NAME"); name != "" {
		return name
	}
	return hostname
}

func text() string {
	if text := os.Getenv("VERSION_TEXT"); text != "" {
		return text
	}
	return version
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		log.Printf("%s %s from %s", request.Method, request.URL.Path, request.RemoteAddr)
		next.ServeHTTP(response, request)
	})
}
