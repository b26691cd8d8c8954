// Sends what its plan says with Amplitude's client for Node, and prints each answer that the client reports.
import { createInstance, Identify, Revenue } from "@amplitude/analytics-node";

const plan = JSON.parse(process.argv[2]);
const who = { user_id: plan.user_id, device_id: plan.device_id, platform: "iOS", os_name: "ios" };
const client = createInstance();
await client.init(plan.api_key, { serverUrl: plan.url, flushIntervalMillis: plan.flush_ms, logLevel: 0 }).promise;

const sent = [];
const report = ({ promise }) => {
  sent.push(
    promise.then(({ event, code }) => {
      const number = event.event_properties?.number ?? null;
      console.log(JSON.stringify({ event: event.event_type, number, code }));
    }),
  );
};
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

report(client.identify(new Identify().set("appsflyer_id", plan.appsflyer_id), who));
for (let number = 0; number < plan.orders; number++) {
  const more = number === plan.invalid_order ? { time: -1 } : {};
  report(client.track("Order Completed", { number }, { ...who, ...more }));
  await pause(plan.pause_ms);
}
const revenue = new Revenue().setPrice(9.99).setQuantity(2).setProductId("sku-1").setCurrency("EUR");
report(client.revenue(revenue, who));
report(client.groupIdentify("company", "acme", new Identify().set("seats", 5), who));
report(client.setGroup("company", "acme", who));

await Promise.race([Promise.all(sent), pause(plan.patience_s * 1000)]);
process.exit(0);
