package main

import (
	"math"
	"strconv"
	"time"

	"github.com/goccy/go-json"
)

// What Amplitude's Export API writes, as far as it is needed.
type event struct {
	Name            string                     `json:"event_type"`
	UserID          string                     `json:"user_id"`
	Time            string                     `json:"event_time"`
	Platform        string                     `json:"platform"`
	OSVersion       string                     `json:"os_version"`
	AppVersion      string                     `json:"version_name"`
	IP              string                     `json:"ip_address"`
	EventProperties map[string]json.RawMessage `json:"event_properties"`
	UserProperties  map[string]json.RawMessage `json:"user_properties"`
}

// AppsFlyer's request body.
type body struct {
	AppsFlyerID      string `json:"appsflyer_id"`
	CustomerUserID   string `json:"customer_user_id,omitempty"`
	EventName        string `json:"eventName"`
	EventValue       string `json:"eventValue"`
	EventTime        string `json:"eventTime"`
	EventCurrency    string `json:"eventCurrency,omitempty"`
	IP               string `json:"ip,omitempty"`
	OS               string `json:"os,omitempty"`
	AppVersion       string `json:"app_version_name,omitempty"`
	IDFA             string `json:"idfa,omitempty"`
	IDFV             string `json:"idfv,omitempty"`
	AdvertisingID    string `json:"advertising_id,omitempty"`
	BundleIdentifier string `json:"bundleIdentifier,omitempty"`
}

type request struct {
	appID string
	body  []byte
}

var sendAs = map[string]string{
	"Order Completed": "af_purchase",
	"Product Added":   "af_add_to_cart",
	"Sign Up":         "af_complete_registration",
	"Product Viewed":  "af_content_view",
}

var consumed = map[string]bool{"$price": true, "$quantity": true, "$productId": true, "$currency": true}
var excluded = map[string]bool{"appsflyer_id": true, "idfa": true, "idfv": true, "advertising_id": true, "email": true}

const (
	amplitudeTime = "2006-01-02 15:04:05.000000"
	appsflyerTime = "2006-01-02 15:04:05.000"
)

// translate returns the request for an event; false where it is not sent.
func translate(value []byte) (request, bool) {
	var in event
	if err := json.Unmarshal(value, &in); err != nil {
		return request{}, false
	}
	name, selected := sendAs[in.Name]
	id := text(in.UserProperties["appsflyer_id"])
	if !selected || id == "" {
		return request{}, false
	}
	out := body{
		AppsFlyerID:    id,
		CustomerUserID: in.UserID,
		EventName:      name,
		EventCurrency:  "USD",
		IP:             in.IP,
		OS:             in.OSVersion,
		AppVersion:     in.AppVersion,
	}
	happened, err := time.Parse(amplitudeTime, in.Time)
	if err != nil {
		return request{}, false
	}
	if now := time.Now().UTC(); happened.After(now) {
		happened = now
	}
	out.EventTime = happened.Format(appsflyerTime)
	if currency := text(in.EventProperties["$currency"]); currency != "" {
		out.EventCurrency = currency
	}
	var appID string
	switch in.Platform {
	case "iOS":
		appID, out.BundleIdentifier = "id1234567890", "com.example.outfitters.ios"
		out.IDFA, out.IDFV = text(in.UserProperties["idfa"]), text(in.UserProperties["idfv"])
	case "Android":
		appID, out.BundleIdentifier = "com.example.outfitters", "com.example.outfitters"
		out.AdvertisingID = text(in.UserProperties["advertising_id"])
	default:
		return request{}, false
	}
	values, err := json.Marshal(properties(&in))
	if err != nil {
		return request{}, false
	}
	out.EventValue = string(values)
	encoded, err := json.MarshalNoEscape(out)
	return request{appID, encoded}, err == nil
}

// properties returns the members of eventValue: the event's, those about revenue in AppsFlyer's names, and the user's.
func properties(in *event) map[string]json.RawMessage {
	values := make(map[string]json.RawMessage, len(in.EventProperties)+len(in.UserProperties)+4)
	for name, value := range in.EventProperties {
		if !consumed[name] && !excluded[name] && string(value) != "null" {
			values[name] = value
		}
	}
	if price, err := strconv.ParseFloat(string(in.EventProperties["$price"]), 64); err == nil {
		quantity := 1.0
		if stated, err := strconv.ParseFloat(string(in.EventProperties["$quantity"]), 64); err == nil {
			quantity = stated
			values["af_quantity"] = decimal(quantity)
		}
		values["af_price"] = decimal(price)
		values["af_revenue"] = decimal(price * quantity)
	}
	if product, ok := in.EventProperties["$productId"]; ok {
		values["af_content_id"] = product
	}
	for name, value := range in.UserProperties {
		if excluded[name] || string(value) == "null" {
			continue
		}
		if _, taken := values[name]; taken {
			name = "user." + name
		}
		values[name] = value
	}
	return values
}

// decimal prints with at most five decimals and never an exponent, as JSON text.
func decimal(number float64) json.RawMessage {
	rounded := math.Round(number*1e5) / 1e5
	return json.RawMessage(`"` + strconv.FormatFloat(rounded, 'f', -1, 64) + `"`)
}

func text(raw json.RawMessage) string {
	var value string
	if len(raw) == 0 || json.Unmarshal(raw, &value) != nil {
		return ""
	}
	return value
}
