import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { claim } from './left-behind.ts'

const state = mkdtempSync(join(tmpdir(), 'tideline-claim-'))
let other: ChildProcess | null = null

afterEach(() => {
  other?.kill('SIGKILL')
  rmSync(state, { recursive: true, force: true })
})

test('a state folder belongs to the start that lives, and to nobody once it is gone', async () => {
  const running = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)', 'ops/start.ts'], { stdio: 'ignore' })
  other = running
  writeFileSync(join(state, 'start.pid'), String(running.pid))
  expect(() => claim(state)).toThrow(`running already in ${state} (pid ${running.pid})`)

  const gone = new Promise((resolve) => running.once('exit', resolve))
  running.kill('SIGKILL')
  await gone
  const release = claim(state)
  release()
  expect(claim(state)).toBeTypeOf('function')
})
