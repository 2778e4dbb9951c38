/**
 * Processes that outlive the command that started them. A pid alone names nobody: it is given away again. So a run is noted with
 * the moment of its start, which Linux tells in ticks since the boot, and nothing is signalled that is not that process.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'

const run = z.object({
  pid: z.number().int().positive(),
  /** Boot and start time: see identityOf. */
  identity: z.string(),
  /** Where in the log its first line is, in bytes. */
  logFrom: z.number().int().min(0),
})
export type Run = z.output<typeof run>

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Whom it runs as, when that is somebody else. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

const runFile = (home: string) => join(home, 'run.json')
export const logFile = (home: string) => join(home, 'server.log')

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** What is read from /proc/PID/stat: the state, the parent, the start in ticks since the boot. */
export function parseStat(stat: string): { state: string; parent: number; start: string } {
  // The name in brackets may hold spaces and brackets of its own.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', parent: Number(fields[1]), start: fields[19] ?? '' }
}

/** Tells this process from any other that had or will have its pid; null when it is gone, or dead and not yet buried. */
export function identityOf(pid: number): string | null {
  try {
    const { state, start } = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    return state === 'Z' || state === 'X' ? null : `${bootId()}:${start}`
  } catch {
    return null
  }
}

/** The run noted in this folder, if its process still lives. */
export function runningIn(home: string): Run | null {
  if (!existsSync(runFile(home))) return null
  const noted = run.safeParse(JSON.parse(readFileSync(runFile(home), 'utf8')))
  return noted.success && identityOf(noted.data.pid) === noted.data.identity ? noted.data : null
}

/** Starts a process of its own group, its output appended to the log. @throws Error when it cannot be started */
export async function startIn(home: string, launch: Launch): Promise<Run> {
  const log = openSync(logFile(home), 'a', 0o640)
  try {
    const logFrom = fstatSync(log).size
    const child = spawn(launch.command, launch.args, {
      cwd: launch.cwd ?? home,
      env: { ...process.env, ...launch.env },
      detached: true,
      stdio: ['ignore', log, log],
      ...launch.user,
    })
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    child.unref()
    const pid = child.pid ?? 0
    const started: Run = { pid, identity: identityOf(pid) ?? 'ended', logFrom }
    writeFileSync(runFile(home), JSON.stringify(started))
    return started
  } finally {
    closeSync(log)
  }
}

/**
 * Sends a signal and waits until the process is gone; after `patienceMs` it is killed.
 * @returns how it went, for the person who waits
 */
export async function stopIn(
  home: string,
  signal: NodeJS.Signals,
  patienceMs: number,
): Promise<'was not running' | 'stopped' | 'killed'> {
  const running = runningIn(home)
  if (running === null) {
    rmSync(runFile(home), { force: true })
    return 'was not running'
  }
  const { pid, identity } = running
  const isGone = () => identityOf(pid) !== identity
  send(pid, signal)
  for (let waited = 0; !isGone() && waited < patienceMs; waited += 50) await delay(50)
  const outcome = isGone() && signal !== 'SIGKILL' ? 'stopped' : 'killed'
  if (!isGone()) send(pid, 'SIGKILL')
  for (let waited = 0; !isGone() && waited < 10_000; waited += 50) await delay(50)
  rmSync(runFile(home), { force: true })
  return outcome
}

/** It may have ended between the look and the signal. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * Memory of a process and all below it, in bytes: what they share (Postgres' buffers) is counted once, where the kernel
 * lets us see it.
 */
export function memoryOf(pid: number): number {
  return family(pid).reduce((sum, member) => sum + ownMemory(member), 0)
}

function family(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const { parent } = parseStat(readFileSync(`/proc/${entry}/stat`, 'utf8'))
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    } catch {
      // Ended while we looked.
    }
  }
  const members = [pid]
  for (const member of members) members.push(...(children.get(member) ?? []))
  return members
}

function ownMemory(pid: number): number {
  for (const [file, field] of [
    ['smaps_rollup', 'Pss'],
    ['status', 'VmRSS'],
  ] as const) {
    try {
      const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))
      if (found) return Number(found[1]) * 1_024
    } catch {
      // Another user's process shows its proportional share to root only.
    }
  }
  return 0
}

/** What the current run has written so far, at most `limit` bytes of its beginning. */
export function firstOutput(home: string, limit = 256 * 1_024): string {
  const from = runningIn(home)?.logFrom
  if (from === undefined) return ''
  return readFileSync(logFile(home))
    .subarray(from, from + limit)
    .toString('utf8')
}

/** The last lines of a log; empty when there is none. */
export function lastLines(home: string, count: number): string {
  if (!existsSync(logFile(home))) return ''
  return readFileSync(logFile(home), 'utf8').trimEnd().split('\n').slice(-count).join('\n')
}
