/** Runs vitest for a command that adds up tests: what passed, what failed, what was skipped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

export interface Tally {
  passed: number
  failed: number
  /** Names of the tests that were skipped. */
  skipped: string[]
}

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numFailedTestSuites: z.number(),
  testResults: z.array(z.object({ assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })) })),
})

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  /** Is given the process, for those who must end it early. */
  onStart?(child: ChildProcess): void
}

/** Runs a command with its output passed through; answers whether it exited with 0. */
export function runThrough(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...options.env, WRANGLER_SEND_METRICS: 'false' },
    })
    options.onStart?.(child)
    child.on('error', (error) => {
      console.error(error.message)
      resolve(false)
    })
    child.on('exit', (code) => resolve(code === 0))
  })
}

/** @param args what to run: projects and files */
export async function runVitest(args: readonly string[], options: RunOptions = {}): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'tideline-test-'))
  const file = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const clean = await runThrough('vitest', ['run', ...args, ...reporters], options)
  try {
    const result = report.parse(JSON.parse(readFileSync(file, 'utf8')))
    const failed = result.numFailedTests
    // A file that does not load, or an error outside any test, fails the run without failing a test.
    const more = !clean && failed === 0 ? Math.max(1, result.numFailedTestSuites) : 0
    const all = result.testResults.flatMap(({ assertionResults }) => assertionResults)
    const skipped = all.filter(({ status }) => status === 'skipped' || status === 'pending').map((one) => one.fullName)
    return { passed: result.numPassedTests, failed: failed + more, skipped }
  } catch {
    console.error('vitest left no report')
    return { passed: 0, failed: 1, skipped: [] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
