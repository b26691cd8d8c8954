// An event of Amplitude's Export API → AppsFlyer's request; null where it is not sent.

const SEND_AS = {
  "Order Completed": "af_purchase",
  "Product Added": "af_add_to_cart",
  "Sign Up": "af_complete_registration",
  "Product Viewed": "af_content_view",
};
const CONSUMED = new Set(["$price", "$quantity", "$productId", "$currency"]);
const EXCLUDED = new Set(["appsflyer_id", "idfa", "idfv", "advertising_id", "email"]);

export function translate(value) {
  const event = JSON.parse(value);
  const eventName = SEND_AS[event.event_type];
  const user = event.user_properties;
  if (eventName === undefined || !user?.appsflyer_id) return null;
  const properties = event.event_properties ?? {};
  const body = {
    appsflyer_id: user.appsflyer_id,
    customer_user_id: event.user_id ?? undefined,
    eventName,
    eventValue: JSON.stringify(eventValue(properties, user)),
    eventTime: eventTime(event.event_time),
    eventCurrency: properties.$currency ?? "USD",
    ip: event.ip_address ?? undefined,
    os: event.os_version ?? undefined,
    app_version_name: event.version_name ?? undefined,
  };
  if (event.platform === "iOS") {
    body.idfa = user.idfa;
    body.idfv = user.idfv;
    body.bundleIdentifier = "com.example.outfitters.ios";
    return { path: "/inappevent/id1234567890", body: JSON.stringify(body) };
  }
  if (event.platform === "Android") {
    body.advertising_id = user.advertising_id;
    body.bundleIdentifier = "com.example.outfitters";
    return { path: "/inappevent/com.example.outfitters", body: JSON.stringify(body) };
  }
  return null;
}

function eventValue(properties, user) {
  const values = {};
  for (const name in properties) {
    const value = properties[name];
    if (value !== null && !CONSUMED.has(name) && !EXCLUDED.has(name)) values[name] = value;
  }
  const price = properties.$price;
  if (typeof price === "number") {
    const quantity = properties.$quantity;
    if (typeof quantity === "number") values.af_quantity = decimal(quantity);
    values.af_price = decimal(price);
    values.af_revenue = decimal(price * (quantity ?? 1));
  }
  if (properties.$productId !== undefined) values.af_content_id = String(properties.$productId);
  for (const name in user) {
    const value = user[name];
    if (value !== null && !EXCLUDED.has(name)) values[name in values ? `user.${name}` : name] = value;
  }
  return values;
}

// `2026-01-31 23:59:59.123456` in UTC → the same with milliseconds, clamped to now.
function eventTime(text) {
  const stated = text.slice(0, 23);
  const now = new Date().toISOString().replace("T", " ").slice(0, 23);
  return stated > now ? now : stated;
}

function decimal(number) {
  return String(Math.round(number * 1e5) / 1e5);
}
