/** The peer's packages, in a node_modules of its own beside its lock file: Tideline's is never touched. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool } from '../../../ops/cluster/tools.ts'

export const HERE = fileURLToPath(new URL('.', import.meta.url))

interface Lock {
  packages: Record<string, { version?: string }>
}

/** npm writes the second file last, when everything else is in place. */
function isInstalled(): boolean {
  const [wanted, found] = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) => join(HERE, name))
  if (wanted === undefined || found === undefined || !existsSync(found)) return false
  const [lock, installed] = [wanted, found].map((file) => JSON.parse(readFileSync(file, 'utf8')) as Lock)
  return Object.entries(installed?.packages ?? {}).every(
    ([name, { version }]) => lock?.packages[name]?.version === version,
  )
}

/** @throws Error with the end of npm's output */
export async function installPackages(say: (text: string) => void): Promise<void> {
  if (isInstalled()) return
  say("installing Bluesky's AppView (npm ci in bench/peers/bsky: 500 packages, 300 MB)")
  // No package's own script is run: the AppView starts without.
  await runTool('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: HERE })
}
