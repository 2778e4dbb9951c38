/**
 * Whether the machine is too busy to judge by: then budgets of a second are missed by what is up, and a page comes from a
 * place, or a write is refused, for which the outage is not to blame. Asks the machine, never Tideline, which could excuse
 * itself by being stuck: how late this process's timers are, and how long a process beside it waits for a little work on a core.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Strain {
  isOn(): boolean
  stop(): Promise<void>
}

const EVERY_MS = 250
/** The shortest budget of the edge is a second here, and a feed has some steps to take in it. */
const LATE_MS = 250
/** Of a piece of work that takes some 15 ms where nothing else is: so little is left of a core that a Worker's steps take seconds. */
const WORK_MS = 125
/** Breakers that a stall has opened stay open for a while. */
const LASTS_MS = 4_000

/** Starts the process beside, which takes part in nothing. */
export async function watchStrain(): Promise<Strain> {
  const bystander = await startBystander()
  const delays = monitorEventLoopDelay({ resolution: 10 })
  delays.enable()
  let askedMs: number | null = null
  let strainedMs = Number.NEGATIVE_INFINITY
  let isEnding = false
  const done = (async () => {
    while (!isEnding) {
      askedMs = performance.now()
      await bystander.work()
      const now = performance.now()
      if (now - askedMs > WORK_MS || delays.max / 1e6 > LATE_MS) strainedMs = now
      askedMs = null
      delays.reset()
      await pause(EVERY_MS)
    }
  })()
  return {
    isOn: () => {
      const now = performance.now()
      return now - strainedMs < LASTS_MS || (askedMs !== null && now - askedMs > WORK_MS)
    },
    async stop() {
      isEnding = true
      await done
      delays.disable()
      bystander.stop()
    },
  }
}

async function startBystander() {
  const child = fork(fileURLToPath(new URL('bystander.ts', import.meta.url)), [], { execArgv: [] })
  const [port] = await once(child, 'message')
  const url = `http://127.0.0.1:${String(port)}/`
  return {
    work: () =>
      fetch(url).then(
        (answer) => answer.text(),
        () => '',
      ),
    stop: () => child.disconnect(),
  }
}
