/** What the objects are bound to: they call out only through D1, R2, KV and queues, and to each other. */
import type { CompileTask, DeploymentRpc, SlotsRpc } from "#features/deployments/rpc.ts";
import type { LogRpc } from "#features/logs/rpc.ts";
import type { PointerRpc } from "#features/pointers/rpc.ts";
import type { RegionControl } from "#features/regions/control.ts";
import type { TrafficRpc } from "#features/traffic/rpc.ts";

export interface Env {
  DB: D1Database;
  BLOBS: R2Bucket;
  SNAPSHOTS: KVNamespace;
  TASKS: Queue<CompileTask>;
  DEPLOYMENTS: DurableObjectNamespace<DeploymentRpc>;
  POINTERS: DurableObjectNamespace<PointerRpc>;
  SLOTS: DurableObjectNamespace<SlotsRpc>;
  LOGS: DurableObjectNamespace<LogRpc>;
  TRAFFIC: DurableObjectNamespace<TrafficRpc>;
  REGIONS: DurableObjectNamespace<RegionControl>;
  /** Milliseconds added to the clock; tests only. */
  CLOCK_OFFSET_MS?: string;
}
