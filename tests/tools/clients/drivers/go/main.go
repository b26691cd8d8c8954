// Sends what its plan says with Amplitude's client for Go, and prints each answer that the client reports.
package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/amplitude/analytics-go/amplitude"
)

type plan struct {
	URL          string `json:"url"`
	APIKey       string `json:"api_key"`
	UserID       string `json:"user_id"`
	DeviceID     string `json:"device_id"`
	AppsFlyerID  string `json:"appsflyer_id"`
	Orders       int    `json:"orders"`
	InvalidOrder int    `json:"invalid_order"`
	PauseMs      int    `json:"pause_ms"`
	FlushMs      int    `json:"flush_ms"`
	PatienceS    int    `json:"patience_s"`
}

type report struct {
	Event  string `json:"event"`
	Number any    `json:"number"`
	Code   int    `json:"code"`
}

func main() {
	var p plan
	if err := json.Unmarshal([]byte(os.Args[1]), &p); err != nil {
		panic(err)
	}
	reports := make(chan report, 10_000)
	config := amplitude.NewConfig(p.APIKey)
	config.ServerURL = p.URL
	config.FlushInterval = time.Duration(p.FlushMs) * time.Millisecond
	config.ExecuteCallback = func(result amplitude.ExecuteResult) {
		reports <- report{result.Event.EventType, result.Event.EventProperties["number"], result.Code}
	}
	client := amplitude.NewClient(config)
	who := amplitude.EventOptions{UserID: p.UserID, DeviceID: p.DeviceID, Platform: "iOS", OSName: "ios"}

	user := amplitude.Identify{}
	user.Set("appsflyer_id", p.AppsFlyerID)
	client.Identify(user, who)
	for number := range make([]struct{}, p.Orders) {
		order := amplitude.Event{
			EventType:       "Order Completed",
			EventOptions:    who,
			EventProperties: map[string]any{"number": number},
		}
		if number == p.InvalidOrder {
			order.EventOptions.Time = -1
		}
		client.Track(order)
		time.Sleep(time.Duration(p.PauseMs) * time.Millisecond)
	}
	client.Revenue(amplitude.Revenue{Price: 9.99, Quantity: 2, ProductID: "sku-1", Currency: "EUR"}, who)
	company := amplitude.Identify{}
	company.Set("seats", 5)
	client.GroupIdentify("company", "acme", company, who)
	client.SetGroup("company", []string{"acme"}, who)

	end := time.After(time.Duration(p.PatienceS) * time.Second)
	out := json.NewEncoder(os.Stdout)
	for range make([]struct{}, p.Orders+4) {
		select {
		case each := <-reports:
			if err := out.Encode(each); err != nil {
				panic(err)
			}
		case <-end:
			return
		}
	}
}
