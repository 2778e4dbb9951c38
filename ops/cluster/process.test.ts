import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bytesOf } from './docker.ts'
import { firstOutput, identityOf, lastLines, memoryOf, parseStat, runningIn, startIn, stopIn } from './process.ts'
import { javaMajor, missing, runTool } from './tools.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tideline-process-'))
})
afterEach(async () => {
  await stopIn(home, 'SIGKILL', 0)
  rmSync(home, { recursive: true, force: true })
})

const node = (script: string) => ({ command: process.execPath, args: ['-e', script] })
const stays = node('console.log("here"); setInterval(() => {}, 1000)')

async function until(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; !isTrue() && tries < 500; tries++) await delay(20)
  expect(isTrue()).toBe(true)
}

// Elsewhere there is no /proc, and no native way: servers run in Docker.
describe.skipIf(process.platform !== 'linux')('a process that was started (on Linux)', () => {
  it('is found by its folder, with its memory and its output, until it is stopped', async () => {
    const { pid } = await startIn(home, stays)
    expect(runningIn(home)?.pid).toBe(pid)
    await until(() => firstOutput(home) === 'here\n')
    expect(memoryOf(pid)).toBeGreaterThan(1e6)
    expect(await stopIn(home, 'SIGTERM', 5_000)).toBe('stopped')
    expect(runningIn(home)).toBeNull()
    expect(await stopIn(home, 'SIGTERM', 5_000)).toBe('was not running')
    expect(lastLines(home, 1)).toBe('here')
  })

  it('is told from another that got its pid', async () => {
    const run = await startIn(home, stays)
    const file = join(home, 'run.json')
    const noted = readFileSync(file, 'utf8')
    writeFileSync(file, JSON.stringify({ ...run, identity: 'an earlier boot:1' }))
    expect(runningIn(home)).toBeNull()
    expect(await stopIn(home, 'SIGKILL', 5_000)).toBe('was not running')
    expect(identityOf(run.pid)).toBe(run.identity)
    writeFileSync(file, noted)
  })

  it('is killed when it does not end in time', async () => {
    await startIn(home, node('process.on("SIGTERM", () => {}); console.log("deaf"); setInterval(() => {}, 1000)'))
    await until(() => firstOutput(home) === 'deaf\n')
    expect(await stopIn(home, 'SIGTERM', 100)).toBe('killed')
    expect(runningIn(home)).toBeNull()
  })

  it('is gone when it ended by itself', async () => {
    await startIn(home, node(''))
    await until(() => runningIn(home) === null)
  })

  it('shows the output of this run, not of the one before', async () => {
    await startIn(home, node('console.log("first")'))
    await until(() => runningIn(home) === null)
    await startIn(home, stays)
    await until(() => firstOutput(home) === 'here\n')
    expect(lastLines(home, 2)).toBe('first\nhere')
  })

  it('whose program is missing is an error', async () => {
    await expect(startIn(home, { command: '/no/such/program', args: [] })).rejects.toThrow(/ENOENT/)
  })
})

it('reads a process whose name has brackets and spaces', () => {
  const after = Array.from({ length: 40 }, (_, index) => String(index + 5)).join(' ')
  expect(parseStat(`7 (a) b) S 4 ${after}`)).toEqual({ state: 'S', parent: 4, start: '22' })
})

describe('a tool', () => {
  it('that is missing is named with what to install', async () => {
    await expect(runTool('/nowhere/mvn', ['-v'])).rejects.toThrow('mvn is not on this machine. Install Maven')
    expect(missing('python3')).toMatch(/Python 3\.11 or newer with pip/)
  })
  it('that fails is quoted', async () => {
    await expect(runTool(process.execPath, ['-e', 'console.error("no room"); process.exit(3)'])).rejects.toThrow(
      /failed \(3\):\nno room/,
    )
  })
  it('java is known by its major version', () => {
    expect(javaMajor('openjdk version "17.0.15" 2025-04-15')).toBe(17)
    expect(javaMajor('java version "1.8.0_292"')).toBe(8)
    expect(javaMajor('command not found')).toBeNull()
  })
})

it('reads the memory that docker stats tells', () => {
  expect(bytesOf('412.5MiB / 1.5GiB\n')).toBe(432_537_600)
  expect(bytesOf('2kB / 1GiB')).toBe(2_000)
  expect(bytesOf('--')).toBe(0)
})
