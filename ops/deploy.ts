/**
 * `npm run deploy [-- --env NAME] [--dry-run]`: migrations first, then the three Workers, those that others call before
 * those that call. `--dry-run` builds and checks everything and changes nothing.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildWeb } from '../web/build.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { env: { type: 'string' }, 'dry-run': { type: 'boolean', default: false } } })
const dryRun = values['dry-run']

function run(command: string, args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

await buildWeb({ outDir: join(ROOT, 'web/dist'), minify: true })
if (!dryRun) run('node', ['ops/migrate.ts'])
for (const [name, config] of [
  ['image-resize', 'workers/image-resize/wrangler.toml'],
  ['fanout-consumer', 'workers/fanout-consumer/wrangler.toml'],
  ['api', 'wrangler.toml'],
] as const) {
  console.log(`\n— ${name}`)
  const target = values.env === undefined ? [] : ['--env', values.env]
  const dry = dryRun ? ['--dry-run', '--outdir', `dist/${name}`] : []
  run('wrangler', ['deploy', '-c', config, ...target, ...dry])
}
