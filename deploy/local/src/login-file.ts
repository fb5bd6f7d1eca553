import { rmSync, writeFileSync } from 'node:fs';

/** Leaves an address with its login in a file that only its owner reads, for commands that are run by hand. */
export function writeLogin(file: string, url: string): void {
  // The mode is that of a new file alone.
  rmSync(file, { force: true });
  writeFileSync(file, `${url}\n`, { mode: 0o600 });
}
