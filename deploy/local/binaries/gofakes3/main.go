// Command gofakes3 serves buckets from memory over TLS, for tests.
//
// Unlike the server of the same library it has buckets at once, and checks signatures: of what
// ACCESS_KEY and SECRET_KEY in its environment have signed.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

func main() {
	address := flag.String("address", "127.0.0.1:9000", "where to listen")
	certificate := flag.String("cert", "", "file of the certificate")
	key := flag.String("key", "", "file of its key")
	flag.Parse()

	buckets := s3mem.New()
	for _, name := range flag.Args() {
		if err := buckets.CreateBucket(context.Background(), name); err != nil {
			log.Fatal(err)
		}
	}
	keys := map[string]string{os.Getenv("ACCESS_KEY"): os.Getenv("SECRET_KEY")}
	server := gofakes3.New(buckets, gofakes3.WithV4Auth(keys), gofakes3.WithGlobalLog(), gofakes3.WithoutVersioning())
	log.Fatal(http.ListenAndServeTLS(*address, *certificate, *key, server.Server()))
}
