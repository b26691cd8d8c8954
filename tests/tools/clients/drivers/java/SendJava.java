import com.amplitude.Amplitude;
import com.amplitude.AmplitudeCallbacks;
import com.amplitude.Event;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

/** Sends what its plan says with Amplitude's client for Java, and prints each answer that the client reports. */
public class SendJava {
  private static JSONObject plan;

  public static void main(String[] arguments) throws Exception {
    plan = new JSONObject(arguments[0]);
    int orders = plan.getInt("orders");
    CountDownLatch waiting = new CountDownLatch(orders + 4);
    Amplitude client = Amplitude.getInstance();
    client.init(plan.getString("api_key"));
    client.setServerUrl(plan.getString("url"));
    client.setEventUploadPeriodMillis(plan.getInt("flush_ms"));
    client.setCallbacks(
        new AmplitudeCallbacks() {
          @Override
          public void onLogEventServerResponse(Event event, int code, String message) {
            JSONObject properties = event.eventProperties;
            JSONObject report = new JSONObject(Map.of("event", event.eventType, "code", code));
            report.put("number", properties == null ? JSONObject.NULL : properties.opt("number"));
            System.out.println(report);
            waiting.countDown();
          }
        });

    Event user = event("$identify");
    user.userProperties = new JSONObject(Map.of("$set", Map.of("appsflyer_id", plan.getString("appsflyer_id"))));
    client.logEvent(user);
    for (int number = 0; number < orders; number++) {
      Event order = event("Order Completed").addEventProperty("number", number);
      if (number == plan.getInt("invalid_order")) {
        order.timestamp = -1;
      }
      client.logEvent(order);
      Thread.sleep(plan.getInt("pause_ms"));
    }
    Event revenue = event("revenue_amount");
    revenue.price = 9.99;
    revenue.quantity = 2;
    revenue.productId = "sku-1";
    revenue.currency = "EUR";
    client.logEvent(revenue);
    Event company = event("$groupidentify").addGroup("company", "acme");
    company.groupProperties = new JSONObject(Map.of("$set", Map.of("seats", 5)));
    client.logEvent(company);
    Event member = event("$identify").addGroup("company", "acme");
    member.userProperties = new JSONObject(Map.of("$set", Map.of("company", "acme")));
    client.logEvent(member);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(plan.getInt("patience_s"));
    while (!waiting.await(plan.getInt("flush_ms"), TimeUnit.MILLISECONDS) && System.nanoTime() < end) {
      client.flushEvents(); // what is logged while an upload begins waits for the next one
    }
    System.exit(0);
  }

  private static Event event(String name) {
    Event event = new Event(name, plan.getString("user_id"), plan.getString("device_id"));
    event.platform = "iOS";
    event.osName = "ios";
    return event;
  }
}
