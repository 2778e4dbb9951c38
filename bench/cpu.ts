/**
 * CPU time of whole processes, as the kernel accounts it: user and system, all threads, and all processes below them, those
 * that have ended among them. Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10

export interface ProcessTicks {
  parent: number
  /** Of its own, and of children that have ended and were waited for. */
  ticks: number
}

/** Milliseconds of CPU that a process and all below it have used. */
export function cpuMs(pid: number): number {
  return ticksOf(pid, processes()) * TICK_MS
}

/** The process that started this one; null where it cannot be seen, as one on another machine. */
export const parentOf = (pid: number): number | null => processes().get(pid)?.parent ?? null

/** Runs work and answers the CPU milliseconds that each named process used meanwhile. */
export async function cpuDuring<T>(
  pids: Record<string, number>,
  work: () => Promise<T>,
): Promise<{ result: T; cpu: Record<string, number> }> {
  const before = usedBy(pids)
  const result = await work()
  const after = usedBy(pids)
  const cpu = Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]))
  return { result, cpu }
}

function usedBy(pids: Record<string, number>): Record<string, number> {
  const all = processes()
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, ticksOf(pid, all) * TICK_MS]))
}

/**
 * The ticks of a process and of all below it. A child that ends leaves its ticks to the parent that waits for it: the sum
 * never shrinks, so a difference of two is what was used between them.
 * @throws Error when there is no such process
 */
export function ticksOf(root: number, all: ReadonlyMap<number, ProcessTicks>): number {
  const own = all.get(root)
  if (own === undefined) throw new Error(`process ${root}, whose CPU is measured, has ended`)
  let sum = own.ticks
  for (const [pid, { parent }] of all) if (parent === root) sum += ticksOf(pid, all)
  return sum
}

/** What /proc/PID/stat says of the parent (field 4) and of the time used (14 to 17); proc(5). */
export function parseTicks(stat: string): ProcessTicks {
  // The command's name may hold blanks; it ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { parent: Number(fields[1]), ticks: fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) }
}

function processes(): Map<number, ProcessTicks> {
  const found = new Map<number, ProcessTicks>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      found.set(Number(entry), parseTicks(readFileSync(`/proc/${entry}/stat`, 'utf8')))
    } catch {
      // Ended while we looked.
    }
  }
  return found
}
