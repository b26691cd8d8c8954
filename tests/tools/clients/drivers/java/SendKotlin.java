import com.amplitude.core.Amplitude;
import com.amplitude.core.Configuration;
import com.amplitude.core.events.EventOptions;
import com.amplitude.core.events.Identify;
import com.amplitude.core.events.Revenue;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

/** Sends what its plan says with Amplitude's client for Kotlin, and prints each answer that the client reports. */
public class SendKotlin {
  public static void main(String[] arguments) throws Exception {
    JSONObject plan = new JSONObject(arguments[0]);
    int orders = plan.getInt("orders");
    CountDownLatch waiting = new CountDownLatch(orders + 4);
    Configuration configuration = new Configuration(plan.getString("api_key"));
    configuration.setServerUrl(plan.getString("url"));
    configuration.setFlushIntervalMillis(plan.getInt("flush_ms"));
    configuration.setIdentifyBatchIntervalMillis(1_000);
    configuration.setEnableRequestBodyCompression(plan.getBoolean("compress"));
    configuration.setCallback(
        (event, code, message) -> {
          Map<String, ?> properties = event.getEventProperties();
          JSONObject report = new JSONObject(Map.of("event", event.getEventType(), "code", code));
          Object number = properties == null ? null : properties.get("number");
          report.put("number", number == null ? JSONObject.NULL : number);
          System.out.println(report);
          waiting.countDown();
          return null;
        });
    Amplitude client = new Amplitude(configuration);
    client.isBuilt();
    Thread.sleep(300); // calls made before its coroutines have begun are lost in this version
    client.setUserId(plan.getString("user_id"));
    client.setDeviceId(plan.getString("device_id"));

    client.identify(new Identify().set("appsflyer_id", plan.getString("appsflyer_id")), who());
    for (int number = 0; number < orders; number++) {
      EventOptions options = who();
      if (number == plan.getInt("invalid_order")) {
        options.setTimestamp(-1L);
      }
      client.track("Order Completed", Map.of("number", number), options);
      Thread.sleep(plan.getInt("pause_ms"));
    }
    Revenue revenue = new Revenue();
    revenue.setPrice(9.99);
    revenue.setQuantity(2);
    revenue.setProductId("sku-1");
    revenue.setCurrency("EUR");
    client.revenue(revenue, who());
    client.groupIdentify("company", "acme", new Identify().set("seats", 5), who());
    client.setGroup("company", "acme", who());
    waiting.await(plan.getInt("patience_s"), TimeUnit.SECONDS);
    System.exit(0);
  }

  private static EventOptions who() {
    EventOptions options = new EventOptions();
    options.setPlatform("iOS");
    options.setOsName("ios");
    return options;
  }
}
