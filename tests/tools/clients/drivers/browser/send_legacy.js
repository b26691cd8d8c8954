// Sends what its plan says with Amplitude's earlier client for browsers, and tells the page's server each answer.
const plan = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const client = window.amplitude.getInstance();
const { Identify, Revenue } = window.amplitude;
const tell = (path, body) => fetch(path, { method: "POST", body: JSON.stringify(body), keepalive: true });
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));
const report = (event, number) => (code) => tell("/report", { event, number, code });

(async () => {
  const url = new URL(plan.url);
  client.init(plan.api_key, plan.user_id, {
    apiEndpoint: url.host,
    forceHttps: url.protocol === "https:",
    deviceId: plan.device_id,
    platform: "iOS",
    transport: plan.transport === "beacon" ? "beacon" : "http",
    logLevel: "DISABLE",
  });
  client.identify(new Identify().set("appsflyer_id", plan.appsflyer_id), report("$identify", null));
  for (let number = 0; number < plan.orders; number++) {
    const done = report("Order Completed", number);
    if (number === plan.invalid_order) client.logEventWithTimestamp("Order Completed", { number }, -1, done);
    else client.logEvent("Order Completed", { number }, done);
    await pause(plan.pause_ms);
  }
  const revenue = new Revenue().setPrice(9.99).setQuantity(2).setProductId("sku-1");
  revenue.setEventProperties({ $currency: "EUR" });
  client.logRevenueV2(revenue);
  client.groupIdentify("company", "acme", new Identify().set("seats", 5), report("$groupidentify", null));
  client.setGroup("company", "acme");
  const end = Date.now() + plan.patience_s * 1000;
  while (client._unsentCount() > 0 && Date.now() < end) await pause(50);
  await tell("/end", {});
})();
