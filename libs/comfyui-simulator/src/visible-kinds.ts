import type { Faults } from './faults.js';
import { isRecord } from './graph.js';
import type { NodeInfo, NodeKind } from './nodes/node-kind.js';

/** The classes a server shows: without `missingNodes`, and without `missingModels` in any list of choices. */
export function visibleKinds(
  kinds: ReadonlyMap<string, NodeKind>,
  { missingNodes, missingModels }: Faults,
): ReadonlyMap<string, NodeKind> {
  if (missingNodes.length === 0 && missingModels.length === 0) return kinds;
  const visible = [...kinds].filter(([name]) => !missingNodes.includes(name));
  if (missingModels.length === 0) return new Map(visible);
  return new Map(
    visible.map(([name, kind]): [string, NodeKind] => [
      name,
      { ...kind, info: (environment) => withoutChoices(kind.info(environment), missingModels) },
    ]),
  );
}

function withoutChoices(info: NodeInfo, missing: readonly string[]): NodeInfo {
  // Only lists lose members; the shape stays what it was.
  return { ...info, input: filtered(info.input, missing) as NodeInfo['input'] };
}

function filtered(value: unknown, missing: readonly string[]): unknown {
  if (Array.isArray(value)) {
    return value
      .filter((item) => !(typeof item === 'string' && missing.includes(item)))
      .map((item) => filtered(item, missing));
  }
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, filtered(member, missing)]));
}
