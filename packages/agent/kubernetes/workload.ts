/** All objects of one workload. Pure: the same wish gives the same objects. */
import { createHmac } from "node:crypto";
import type { Wish } from "../driver.ts";
import type { Plural, Served } from "./kinds.ts";
import { ANNOTATION, LABEL, nameOf, ownerLabels } from "./names.ts";
import { ingressOf, serviceOf, workloadPolicyOf } from "./network.ts";
import { POD } from "./pod-contract.ts";
import { deploymentOf } from "./pod-spec.ts";
import type { Rest } from "./rest.ts";
import { autoscalerOf, budgetOf } from "./scaling.ts";
import type { KubernetesSettings } from "./settings.ts";
import type { Written } from "./store.ts";

/** What of a workload is made by chance or comes from elsewhere. */
export interface Keys {
  /** With it the workload's pods fetch its files; kept as long as its Secret. */
  token: string;
  ingressKey: string;
}

/** What is to be put up. */
export interface Placed {
  wish: Wish;
  keys: Keys;
  rest: Rest;
}

/** What each maker of an object is given. */
export interface Parts {
  wish: Wish;
  rest: Rest;
  settings: KubernetesSettings;
  name: string;
  /** Of the workload's pods; never changes. */
  selector: Record<string, string>;
  digest: string;
  /** Of the Secret. */
  data: Record<string, string>;
}

/** In the order in which they are applied: what a pod needs comes before it. */
export const WORKLOAD_KINDS = [
  "secrets",
  "networkpolicies",
  "services",
  "deployments",
  "ingresses",
  "horizontalpodautoscalers",
  "poddisruptionbudgets",
] as const satisfies readonly Plural[];

const MAKERS: Record<(typeof WORKLOAD_KINDS)[number], (parts: Parts) => object> = {
  secrets: ({ data }) => ({ type: "Opaque", data }),
  networkpolicies: workloadPolicyOf,
  services: serviceOf,
  deployments: deploymentOf,
  ingresses: ingressOf,
  horizontalpodautoscalers: autoscalerOf,
  poddisruptionbudgets: budgetOf,
};

export function objectsOf(
  { wish, keys, rest }: Placed,
  settings: KubernetesSettings,
  served: Served,
): Written[] {
  const name = nameOf(wish.id);
  const data = secretData(wish, keys);
  const selector = { [LABEL.workload]: name, [LABEL.component]: "workload" };
  const digest = digestOf(wish, data, keys, settings);
  const parts = { wish, rest, settings, name, selector, digest, data };
  const metadata = {
    name,
    namespace: settings.namespace,
    labels: { ...ownerLabels(wish.material), ...selector },
    annotations: {
      [ANNOTATION.id]: wish.id,
      [ANNOTATION.epoch]: String(wish.stamp.epoch),
      [ANNOTATION.generation]: String(wish.stamp.generation),
      [ANNOTATION.digest]: digest,
    },
  };
  const asleep = { ...metadata, annotations: { ...metadata.annotations, [ANNOTATION.rest]: "asleep" } };
  return WORKLOAD_KINDS.filter((plural) => served.has(plural)).map((plural) => ({
    plural,
    object: {
      ...served.head(plural),
      // On the Deployment alone: to fall asleep and to wake is one write.
      metadata: plural === "deployments" && rest === "asleep" ? asleep : metadata,
      ...MAKERS[plural](parts),
    },
  }));
}

/** `data`, not `stringData`: of the latter, a key that a later apply leaves out would stay. */
function secretData({ material }: Wish, keys: Keys): Record<string, string> {
  const { id, team, project, deployment, spec, env, secrets } = material;
  const own = { id, team, project, deployment, spec: { ...spec, files: {} }, env, secrets };
  const text = {
    [POD.material]: JSON.stringify(own),
    [POD.ingressKey]: keys.ingressKey,
    [POD.token]: keys.token,
  };
  return Object.fromEntries(
    Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
}

/**
 * Of what pods run and must be replaced for; not of the ingress key, which they read anew. Keyed by the token: whoever may
 * read a Deployment but no Secret can't try out values of variables on it.
 */
function digestOf(
  { material }: Wish,
  data: Record<string, string>,
  keys: Keys,
  settings: KubernetesSettings,
): string {
  const hash = createHmac("sha256", keys.token);
  hash.update(JSON.stringify([data[POD.material], material.spec.files, settings.image]));
  return hash.digest("hex");
}
