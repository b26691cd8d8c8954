// Sends what its plan says with Amplitude's earlier client for Node, and prints each answer that the client reports.
const { init } = require("@amplitude/node");
const { Identify } = require("@amplitude/identify");

const plan = JSON.parse(process.argv[2]);
const who = { user_id: plan.user_id, device_id: plan.device_id, platform: "iOS", os_name: "ios" };
const client = init(plan.api_key, { serverUrl: plan.url, uploadIntervalInSec: plan.flush_ms / 1000 });

const sent = [];
const log = (event) => {
  const number = event.event_properties?.number ?? null;
  const report = (code) => console.log(JSON.stringify({ event: event.event_type, number, code }));
  sent.push(client.logEvent(event).then(({ statusCode }) => report(statusCode), () => report(0)));
};
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

(async () => {
  const user = new Identify().set("appsflyer_id", plan.appsflyer_id);
  log({ ...user.identifyUser(plan.user_id, plan.device_id), ...who });
  for (let number = 0; number < plan.orders; number++) {
    const more = number === plan.invalid_order ? { time: -1 } : {};
    log({ event_type: "Order Completed", event_properties: { number }, ...who, ...more });
    await pause(plan.pause_ms);
  }
  log({ event_type: "revenue_amount", price: 9.99, quantity: 2, productId: "sku-1", currency: "EUR", ...who });
  log({ ...new Identify().set("seats", 5).identifyGroup("company", "acme"), ...who });
  log({ ...new Identify().setGroup("company", "acme").identifyUser(plan.user_id, plan.device_id), ...who });
  await Promise.race([Promise.all(sent), pause(plan.patience_s * 1000)]);
  process.exit(0);
})();
