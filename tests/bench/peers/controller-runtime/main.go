// A twin of rempart-operator for Deployment workloads, written as users of controller-runtime write operators: what the
// operator is measured against (docs/performance.md).
//
// Usage: twin [-workers 8]    KUBECONFIG names the cluster
package main

import (
	"flag"
	"fmt"
	"os"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func run() error {
	workers := flag.Int("workers", 8, "reconciles at the same time")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.Level(zapcore.InfoLevel)))

	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := addToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS, config.Burst = -1, -1 // the client's own limits off; the server's fairness stays
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:         scheme,
		LeaderElection: false,
		Metrics:        server.Options{BindAddress: "0"},
		Cache:          cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		// A reconcile after a write waits until the cache has it; else statuses are written twice.
		Client: client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}},
	})
	if err != nil {
		return err
	}
	if err := (&RegionReconciler{Client: mgr.GetClient()}).SetupWithManager(mgr); err != nil {
		return err
	}
	if err := (&WorkloadReconciler{Client: mgr.GetClient(), Workers: *workers}).SetupWithManager(mgr); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
