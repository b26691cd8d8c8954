// The forwarder that a team would write in Go: franz-go, net/http, a pool of workers.
//
// It reads the topic in batches, sends what is selected with many requests at a time, and marks a batch for the next
// commit once every request of it was answered. Settings come from the environment; see ../README.md.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	debug.SetGCPercent(number("GOGC", 400)) // its heap is small: fewer collections cost little memory
	workers := number("WORKERS", 64)
	sender, err := newSender(os.Getenv("ENDPOINT"), os.Getenv("CA_FILE"), os.Getenv("S2S_KEY"), os.Getenv("HTTP") != "1", workers)
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BOOTSTRAP")),
		kgo.ConsumerGroup(os.Getenv("GROUP")),
		kgo.ConsumeTopics(os.Getenv("TOPIC")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxBytes(8<<20),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseAllowingRebalance()
	records := make(chan *kgo.Record, workers)
	var batch sync.WaitGroup
	for i := 0; i < workers; i++ {
		go func() {
			for record := range records {
				if request, ok := translate(record.Value); ok {
					sender.deliver(request)
				}
				batch.Done()
			}
		}()
	}
	for {
		fetches := client.PollRecords(ctx, number("BATCH", 5000))
		if ctx.Err() != nil {
			break
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			log.Printf("%s/%d: %v", topic, partition, err)
		})
		got := fetches.Records()
		batch.Add(len(got))
		for _, record := range got {
			records <- record
		}
		batch.Wait()
		client.MarkCommitRecords(got...)
		client.AllowRebalance()
	}
	if err := client.CommitMarkedOffsets(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func number(name string, otherwise int) int {
	if value, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return value
	}
	return otherwise
}
