/**
 * `npm test`: everything that needs no server, what fails fastest first. Each check counts as one test; at the end stands what
 * failed, and the last line adds up all runners: `N passed, N failed`.
 */
import { runKept, runVitest, sayFailures } from './vitest-run.ts'

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

interface Outcome {
  passed: boolean
  name: string
}

/** Its output in one piece, when it is done. */
async function check([name, command, ...args]: (typeof CHECKS)[number]): Promise<Outcome> {
  const started = Date.now()
  const { passed, output } = await runKept(command, args)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  console.log(`${output === '' ? '' : `${output}\n`}${passed ? '✓' : '✗'} ${name} (${seconds} s)`)
  return { passed, name }
}

const checks = await Promise.all(CHECKS.map(check))
// The browser (npm run test:browser), the faults of servers and overload (npm run test:fault) have runs of their own.
const vitest = await runVitest(['--project=!browser', '--project=!fault', '--project=!overload'])
const broken = checks.filter(({ passed }) => !passed)
const failed = broken.length + vitest.failed
if (vitest.skipped.length > 0) {
  console.log(
    [`${vitest.skipped.length} skipped, for want of what is named:`, ...vitest.skipped.map((name) => `↓ ${name}`)].join(
      '\n',
    ),
  )
}
sayFailures([...broken.map(({ name }) => name), ...vitest.failures])
console.log(`${checks.length - broken.length + vitest.passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
