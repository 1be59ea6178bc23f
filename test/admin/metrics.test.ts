import { describe, expect, test } from "vitest";
import { metricsPage } from "../../src/admin/metrics.ts";
import { processMetrics } from "../../src/admin/process-metrics.ts";

describe("the metrics page", () => {
  test("reads plain numbers anew each time, counters as well as gauges", async () => {
    const counts = { udp: 1, tcp: 0 };
    let bytes: number | undefined = 5;
    const page = metricsPage([
      { name: "lamplight_messages_total", help: "Messages.", kind: "counter", label: "protocol", read: () => ({ ...counts }) },
      { name: "lamplight_kept_bytes", help: "Bytes.", kind: "gauge", read: () => bytes },
    ]);
    expect(await page.text()).toContain('lamplight_messages_total{protocol="udp"} 1\n');
    counts.udp = 7;
    bytes = 3;
    const text = await page.text();
    expect(text).toContain('lamplight_messages_total{protocol="udp"} 7\nlamplight_messages_total{protocol="tcp"} 0\n');
    expect(text).toContain("# TYPE lamplight_messages_total counter\n");
    expect(text).toContain("# HELP lamplight_kept_bytes Bytes.\n# TYPE lamplight_kept_bytes gauge\nlamplight_kept_bytes 3\n");
    expect(page.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    bytes = undefined;
    expect(await page.text()).not.toMatch(/^lamplight_kept_bytes/m);
  });

  test("tells what the process costs, in seconds and bytes", async () => {
    const process = processMetrics({ version: "1.2.3", startedAtMs: 1_500 });
    const page = metricsPage(process.metrics);
    const text = await page.text();
    process.stop();
    expect(text).toContain('lamplight_build_info{version="1.2.3"} 1\n');
    expect(text).toContain("lamplight_start_time_seconds 1.5\n");
    expect(Number(/^lamplight_resident_memory_bytes (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(10_000_000);
    expect(text).toMatch(/^lamplight_event_loop_delay_seconds\{quantile="0\.99"\} \d/m);
    expect(text).toMatch(/^lamplight_event_loop_busy_seconds_total \d/m);
  });
});
