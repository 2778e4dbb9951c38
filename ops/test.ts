/**
 * `npm test`: everything that needs no server, in the order in which it fails fastest. Each check counts as one test;
 * the last line adds up all runners: `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Tally {
  passed: number
  failed: number
  skipped: number
}

const CHECKS: [name: string, command: string, ...args: string[]][] = [
  ['format and lint', 'biome', 'ci', '.'],
  ['types of Node code', 'tsc', '-p', 'tsconfig.json'],
  ['types of the Workers', 'tsc', '-p', 'workers/tsconfig.json'],
  ['types of the page', 'tsc', '-p', 'web/tsconfig.json'],
  [
    'boundaries',
    'depcruise',
    '--config',
    '.dependency-cruiser.mjs',
    'core',
    'drizzle',
    'origin',
    'workers',
    'web',
    'bench',
    'ops',
    'test',
  ],
]

/** Runs a command with its output passed through; answers whether it exited with 0. */
function run(command: string, args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
    })
    child.on('error', (error) => {
      console.error(error.message)
      resolve(false)
    })
    child.on('exit', (code) => resolve(code === 0))
  })
}

async function runVitest(): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'tideline-test-'))
  const report = join(folder, 'report.json')
  // The browser has a run of its own (npm run test:browser): together they would take too long to be run often.
  const clean = await run('vitest', [
    'run',
    '--project=!browser',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  try {
    const result = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>
    const failed = result.numFailedTests ?? 0
    // A file that does not load, or an error outside any test, fails the run without failing a test.
    const more = !clean && failed === 0 ? Math.max(1, result.numFailedTestSuites ?? 1) : 0
    return { passed: result.numPassedTests ?? 0, failed: failed + more, skipped: result.numPendingTests ?? 0 }
  } catch {
    console.error('vitest left no report')
    return { passed: 0, failed: 1, skipped: 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const total: Tally = { passed: 0, failed: 0, skipped: 0 }
for (const [name, command, ...args] of CHECKS) {
  const started = Date.now()
  const passed = await run(command, args)
  total[passed ? 'passed' : 'failed']++
  console.log(`${passed ? '✓' : '✗'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
}
const vitest = await runVitest()
total.passed += vitest.passed
total.failed += vitest.failed
total.skipped += vitest.skipped
if (total.skipped > 0) console.log(`${total.skipped} skipped, each with its reason above`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)
