/** `npm run types`: generates each Worker's Env from its wrangler.toml. Run it after changing a binding. */
import { spawnSync } from 'node:child_process'

const WORKERS = [
  ['wrangler.toml', 'workers/api', 'ApiEnv'],
  ['workers/image-resize/wrangler.toml', 'workers/image-resize', 'ImageEnv'],
  ['workers/fanout-consumer/wrangler.toml', 'workers/fanout-consumer', 'FanoutConsumerEnv'],
] as const

for (const [config, folder, name] of WORKERS) {
  const flags = ['--env-interface', name, '--include-runtime', 'false', '--strict-vars', 'false']
  const { status } = spawnSync('wrangler', ['types', `${folder}/worker-configuration.d.ts`, '-c', config, ...flags], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
