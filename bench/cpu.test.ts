import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { cpuMs, parseTicks, ticksOf } from './cpu.ts'

const stat = (pid: number, name: string, parent: number, times: string) =>
  `${pid} (${name}) S ${parent} 1 1 0 -1 4194304 1 0 0 0 ${times} 20 0 1 0 12345 1000 10`

it('reads parent and time from a line whose name holds blanks and parentheses', () => {
  expect(parseTicks(stat(7, 'postgres: a (b) c', 3, '10 5 2 1'))).toEqual({ parent: 3, ticks: 18 })
})

it('adds up a process, its children and theirs, and nobody else', () => {
  const all = new Map([
    [1, { parent: 0, ticks: 1_000 }],
    [10, { parent: 1, ticks: 5 }],
    [11, { parent: 10, ticks: 7 }],
    [12, { parent: 10, ticks: 11 }],
    [13, { parent: 12, ticks: 13 }],
    [20, { parent: 1, ticks: 100 }],
  ])
  expect(ticksOf(10, all)).toBe(36)
  expect(ticksOf(20, all)).toBe(100)
})

it('does not take a process that has ended for an idle one', () => {
  expect(() => ticksOf(10, new Map())).toThrow('has ended')
})

it.runIf(process.platform === 'linux')('counts what a child used that has ended', () => {
  const before = cpuMs(process.pid)
  spawnSync(process.execPath, ['-e', 'while (process.cpuUsage().user < 200_000);'])
  expect(cpuMs(process.pid) - before).toBeGreaterThanOrEqual(150)
})
