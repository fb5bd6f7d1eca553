const NEEDED_MAJOR = 24;

/** @throws Error saying how to start, when this is an older Node: `npm` pins Node 24, a bare `node` may be anything */
export function requireNode(version: string = process.versions.node): void {
  if (Number(version.split('.')[0]) >= NEEDED_MAJOR) return;
  throw new Error(
    `This needs Node ${NEEDED_MAJOR} or newer and runs on ${version}: start it through npm (npm run …, npx node …)`,
  );
}
