/**
 * `npm test`: everything that needs no server, in the order in which it fails fastest. Each check counts as one test;
 * the last line adds up all runners: `N passed, N failed`.
 */
import { runThrough, runVitest } from './vitest-run.ts'

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

const total = { passed: 0, failed: 0 }
for (const [name, command, ...args] of CHECKS) {
  const started = Date.now()
  const passed = await runThrough(command, args)
  total[passed ? 'passed' : 'failed']++
  console.log(`${passed ? '✓' : '✗'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
}
// The browser has a run of its own (npm run test:browser): together they would take too long to be run often.
const vitest = await runVitest(['--project=!browser'])
total.passed += vitest.passed
total.failed += vitest.failed
if (vitest.skipped.length > 0) console.log(`${vitest.skipped.length} skipped, each with its reason above`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)
