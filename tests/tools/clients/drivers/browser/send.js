// Sends what its plan says with Amplitude's client for browsers, and tells the page's server each answer.
const plan = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const { amplitude } = window;
const tell = (path, body) => fetch(path, { method: "POST", body: JSON.stringify(body), keepalive: true });
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

const sent = [];
const report = ({ promise }) => {
  sent.push(
    promise.then(({ event, code }) => {
      const number = event.event_properties?.number ?? null;
      return tell("/report", { event: event.event_type, number, code });
    }),
  );
};

(async () => {
  await amplitude.init(plan.api_key, plan.user_id, {
    serverUrl: plan.url,
    deviceId: plan.device_id,
    flushIntervalMillis: plan.flush_ms,
    transport: plan.transport,
    enableRequestBodyCompression: plan.compress,
    autocapture: false,
    remoteConfig: { fetchRemoteConfig: false },
    logLevel: 0,
  }).promise;
  if (sessionStorage.getItem("visited")) return; // what is in the client's storage is all that it has to send
  const who = { platform: "iOS", os_name: "ios" };
  report(amplitude.identify(new amplitude.Identify().set("appsflyer_id", plan.appsflyer_id), who));
  for (let number = 0; number < plan.orders; number++) {
    const more = number === plan.invalid_order ? { time: -1 } : {};
    report(amplitude.track("Order Completed", { number }, { ...who, ...more }));
    await pause(plan.pause_ms);
  }
  const revenue = new amplitude.Revenue().setPrice(9.99).setQuantity(2).setProductId("sku-1").setCurrency("EUR");
  report(amplitude.revenue(revenue, who));
  report(amplitude.groupIdentify("company", "acme", new amplitude.Identify().set("seats", 5), who));
  report(amplitude.setGroup("company", "acme", who));
  if (plan.leaves) {
    addEventListener("pagehide", () => {
      amplitude.setTransport("beacon");
      amplitude.flush();
    });
    location.replace("about:blank");
    return;
  }
  if (plan.reloads) {
    await pause(1000);
    sessionStorage.setItem("visited", "yes");
    location.reload();
    return;
  }
  await Promise.race([Promise.all(sent), pause(plan.patience_s * 1000)]);
  await tell("/end", {});
})();
