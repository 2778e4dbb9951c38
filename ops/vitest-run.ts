/** Runs vitest for a command that adds up tests: what passed, what failed, what was skipped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { z } from 'zod'

export interface Tally {
  passed: number
  failed: number
  /** Names of the tests that were skipped. */
  skipped: string[]
}

/** A tally that names what failed, for those who see the end of a long log only. */
export interface Run extends Tally {
  /** One a test or a file that failed: `core/ids.test.ts › what it should do`. */
  failures: string[]
}

const report = z.object({
  numPassedTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
})

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  /** Is given the process, for those who must end it early. */
  onStart?(child: ChildProcess): void
}

/** A line for each batch of a queue, and for each Worker without its secrets, would hide what is told of tests. */
const environment = (options: RunOptions) => ({
  WRANGLER_LOG: 'error',
  ...process.env,
  ...options.env,
  WRANGLER_SEND_METRICS: 'false',
})

/** Runs a command with its output passed through; answers whether it exited with 0. */
export function runThrough(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: environment(options) })
    options.onStart?.(child)
    child.on('error', (error) => {
      console.error(error.message)
      resolve(false)
    })
    child.on('exit', (code) => resolve(code === 0))
  })
}

/** Runs a command and keeps what it writes, so that those that run side by side do not write into one another's lines. */
export function runKept(command: string, args: readonly string[]): Promise<{ passed: boolean; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment({}) })
    const kept: Buffer[] = []
    const keep = (chunk: Buffer) => void kept.push(chunk)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => resolve({ passed: false, output: error.message }))
    child.on('close', (code) => resolve({ passed: code === 0, output: Buffer.concat(kept).toString('utf8').trim() }))
  })
}

/** @param args what to run: projects and files */
export async function runVitest(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tideline-test-'))
  const file = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const clean = await runThrough('vitest', ['run', ...args, ...reporters], options)
  try {
    return readReport(JSON.parse(readFileSync(file, 'utf8')), clean, process.cwd())
  } catch {
    return { passed: 0, failed: 1, skipped: [], failures: ['vitest left no report'] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * What vitest's JSON reporter tells.
 * @param clean whether vitest exited with 0
 * @param root folder that names of files are relative to
 */
export function readReport(json: unknown, clean: boolean, root: string): Run {
  const { numPassedTests: passed, testResults } = report.parse(json)
  const failures = testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name)
    const tests = assertionResults.filter((test) => test.status === 'failed')
    // One that does not load, or whose end failed, fails the run without failing a test.
    if (tests.length === 0 && status === 'failed') return [file]
    return tests.map(({ fullName }) => `${file} › ${fullName}`)
  })
  if (!clean && failures.length === 0) failures.push('vitest: an error outside any test, shown above')
  const all = testResults.flatMap(({ assertionResults }) => assertionResults)
  const skipped = all.filter(({ status }) => status === 'skipped' || status === 'pending').map((one) => one.fullName)
  return { passed, failed: failures.length, skipped, failures }
}

/** Names what failed; long lists to their beginning. */
export function sayFailures(failures: readonly string[], most = 40): void {
  if (failures.length === 0) return
  console.log(['\nFailed:', ...failures.slice(0, most).map((name) => `✗ ${name}`)].join('\n'))
  if (failures.length > most) console.log(`… and ${failures.length - most} more`)
}
