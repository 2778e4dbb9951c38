/** Processes that outlive a start that was killed: found by the pids it noted in its state folder, and ended. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

interface Kind {
  file: string
  /** What its command must show: the number may be somebody else's by now. */
  command: RegExp
  end(pid: number): void
}

/** The Workers are a group and hold nothing; redis-server writes its last second on SIGTERM. */
const KINDS: readonly Kind[] = [
  { file: 'workers/pid', command: /wrangler/, end: (pid) => process.kill(-pid, 'SIGKILL') },
  { file: 'redis/server.pid', command: /(redis|valkey)-server/, end: (pid) => process.kill(pid, 'SIGTERM') },
]

/** Ends what is left of an earlier start, or of this one. Answers the pids that were told to end. */
export function endLeftBehind(stateDir: string): number[] {
  const ended: number[] = []
  for (const { file, command, end } of KINDS) {
    const path = join(stateDir, file)
    if (!existsSync(path)) continue
    const pid = Number(readFileSync(path, 'utf8'))
    rmSync(path, { force: true })
    if (!command.test(commandOf(pid))) continue
    end(pid)
    ended.push(pid)
  }
  return ended
}

/** What a process runs, or nothing where there is none of this number. */
function commandOf(pid: number): string {
  if (!Number.isInteger(pid)) return ''
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? ''
}

/**
 * Takes the state folder for this process until `release` is called. Throws a sentence while another start that lives has
 * it: what that one started is not left behind.
 */
export function claim(stateDir: string): () => void {
  const path = join(stateDir, 'start.pid')
  const owner = existsSync(path) ? Number(readFileSync(path, 'utf8')) : Number.NaN
  if (owner !== process.pid && /ops\/start\.ts/.test(commandOf(owner))) {
    throw new Error(
      `Tideline is running already in ${stateDir} (pid ${owner}). README.md says how to start a second one beside it.`,
    )
  }
  writeFileSync(path, String(process.pid))
  return () => rmSync(path, { force: true })
}

const PATIENCE_MS = 10_000

/** Waits until none of these processes lives. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  const lives = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  for (let waited = 0; pids.some(lives) && waited < PATIENCE_MS; waited += 50) await delay(50)
}
