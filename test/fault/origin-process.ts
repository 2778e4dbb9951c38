/** An origin in a process of its own, on ports that stay, so that it can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../origin/embedded/free-port.ts'
import { until } from '../e2e/until.ts'

const MAIN = fileURLToPath(new URL('../../origin/main.ts', import.meta.url))
/** Ten of them may start at once, on two cores that start other servers, too. */
const UP_MS = 120_000
/** Ctrl-C, or a run that is ended from outside, reaches no afterAll: its standard input ends however we end. */
const DIE_WITH_US = `data:text/javascript,process.stdin.resume().once('end',()=>process.kill(process.pid,'SIGKILL'))`
const COMPILED = join(tmpdir(), 'tideline-test-compiled')
const PORTS = ['PORT', 'GATEWAY_PORT', 'POSTGRES_PORT', 'REDIS_PORT', 'S3_PORT'] as const

export type Ports = Record<(typeof PORTS)[number], string>

export interface OriginProcess {
  pid: number
  /** Resolves when the process has gone, however it went. */
  gone: Promise<void>
  /** SIGKILL: nothing of it gets to run any more. */
  kill(): Promise<void>
  /** SIGTERM, and the wait for it to drain. */
  stop(): Promise<void>
}

export async function originPorts(): Promise<Ports> {
  const free = await freePorts(PORTS.length)
  return Object.fromEntries(PORTS.map((name, i) => [name, String(free[i])])) as Ports
}

/**
 * Starts it and waits until it answers.
 * @param env its whole configuration beside PATH
 * @param niceness 0 to 19: how far it stands back where cores are few (nice(1))
 */
export async function startOriginProcess(env: Ports & Record<string, string>, niceness = 0): Promise<OriginProcess> {
  const child = spawn(process.execPath, ['--import', DIE_WITH_US, MAIN], {
    // Types that are stripped once need not be stripped at each start.
    env: {
      NODE_COMPILE_CACHE: COMPILED,
      PATH: process.env.PATH,
      LOG_LEVEL: process.env.ORIGIN_LOG_LEVEL ?? 'error',
      ...env,
    },
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness)
  const gone = once(child, 'exit').then(() => {})
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return gone
  }
  try {
    await until('the origin is up', () => isUp(child, env.PORT), { withinMs: UP_MS })
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
  return { pid: child.pid ?? 0, gone, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
}

async function isUp(child: ChildProcess, port: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`the origin ended with code ${child.exitCode}; its complaint is above`)
  const response = await fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`).catch(() => null)
  await response?.body?.cancel()
  return response?.ok ?? false
}
