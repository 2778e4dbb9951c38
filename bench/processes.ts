/** Processes that a bench starts, and ends with itself. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface Running {
  pid: number
  stop(): Promise<void>
}

/** A port that is free now, below the ephemeral range. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const isFree = await new Promise<boolean>((resolve) => {
      const probe = createServer().once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

/** Starts a process; its errors are shown. Ends with SIGTERM. */
export function startProcess(
  command: string,
  args: string[],
  env: Record<string, string> = {},
  place: Pick<SpawnOptions, 'cwd' | 'uid' | 'gid'> = {},
): Running {
  const child: ChildProcess = spawn(command, args, {
    ...place,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${command} cannot be started`)
  const end = () => child.kill('SIGKILL')
  process.setMaxListeners(process.getMaxListeners() + 1).once('exit', end)
  return {
    pid,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Waits until an address answers anything but 503, which is what a process that is still starting says. */
export async function untilAnswers(url: string, patienceMs = 20_000): Promise<void> {
  const until = Date.now() + patienceMs
  for (;;) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) })
      await answer.body?.cancel()
      if (answer.status !== 503) return
      throw new Error(`${url} is not ready`)
    } catch (error) {
      if (Date.now() > until) throw new Error(`${url} did not answer`, { cause: error })
      await delay(50)
    }
  }
}
