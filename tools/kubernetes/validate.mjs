// Checks the Prometheus operator's resources, a JSON list on standard input, and prints what is wrong with each.
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";

const KINDS = { PrometheusRule, ServiceMonitor };

let text = "";
for await (const chunk of process.stdin) text += chunk;
for (const resource of JSON.parse(text)) {
  try {
    new KINDS[resource.kind](resource).validate();
  } catch (error) {
    console.log(`${resource.kind} ${resource.metadata?.name}: ${error.message}`);
    process.exitCode = 1;
  }
}
