/** Processes that outlive a start that was killed: found by the pids it noted in its state folder, and ended. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
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
    const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    if (!Number.isInteger(pid) || !command.test(stdout ?? '')) continue
    end(pid)
    ended.push(pid)
  }
  return ended
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
