/**
 * `npm run deploy -- --env NAME [--dry-run]`: migrations first, then the three Workers, those that others call before
 * those that call. The environment is ops/environments/NAME.json (default: production). `--dry-run` builds and checks
 * everything and changes nothing.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildWeb } from '../web/build.ts'
import { readEnvironment, writeDeployConfig } from './environment.ts'
import { WORKERS } from './workers.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ORDER = ['image', 'fanout', 'api'] as const satisfies (keyof typeof WORKERS)[]

function run(command: string, args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

try {
  const { values } = parseArgs({
    options: { env: { type: 'string', default: 'production' }, 'dry-run': { type: 'boolean', default: false } },
  })
  const dryRun = values['dry-run']
  const environment = readEnvironment(values.env, !dryRun)
  const directory = join(ROOT, 'dist', values.env)
  await buildWeb({ outDir: join(directory, 'web'), minify: true })
  if (!dryRun) run('node', ['ops/migrate.ts'])
  for (const worker of ORDER) {
    console.log(`\n— ${WORKERS[worker]} (${values.env})`)
    const config = writeDeployConfig(worker, environment, directory)
    const dry = dryRun ? ['--dry-run', '--outdir', join(directory, worker)] : []
    run('wrangler', ['deploy', '-c', config, ...dry])
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
