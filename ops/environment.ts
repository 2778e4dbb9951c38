/**
 * A deployment's environment: ops/environments/NAME.json says where its services are and what is appended to the names
 * of its Workers and queues, so that staging and production stand side by side in one account.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { experimental_readRawConfig } from 'wrangler'
import { z } from 'zod'
import { WORKERS } from './workers.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDER = join(ROOT, 'ops/environments')

const vars = z.record(z.string(), z.string())
const environment = z.object({ suffix: z.string().regex(/^(-[a-z0-9-]+)?$/), api: vars, image: vars, fanout: vars })
export type Environment = z.output<typeof environment>

/** @throws Error with a sentence when there is no such environment, or its addresses are still the example's */
export function readEnvironment(name: string, forReal: boolean): Environment {
  const file = join(FOLDER, `${name}.json`)
  if (!existsSync(file)) {
    const known = readdirSync(FOLDER).map((entry) => entry.replace(/\.json$/, ''))
    throw new Error(`There is no environment "${name}" in ops/environments. There are: ${known.join(', ')}.`)
  }
  const parsed = environment.parse(JSON.parse(readFileSync(file, 'utf8')))
  const examples = [parsed.api, parsed.image, parsed.fanout].flatMap((values) =>
    Object.entries(values).filter(([, value]) => /\bexample\.com\b/.test(value)),
  )
  if (forReal && examples.length > 0) {
    const names = [...new Set(examples.map(([key]) => key))].join(', ')
    throw new Error(`ops/environments/${name}.json still holds example addresses: set ${names}.`)
  }
  return parsed
}

interface Queues {
  producers?: { queue?: string }[]
  consumers?: { queue?: string; dead_letter_queue?: string }[]
}

/** Writes a Worker's configuration for an environment, and answers its path. */
export function writeDeployConfig(
  worker: keyof typeof WORKERS,
  { suffix, ...values }: Environment,
  directory: string,
): string {
  const source = join(ROOT, WORKERS[worker])
  const { rawConfig } = experimental_readRawConfig({ config: source })
  const folder = dirname(source)
  const renamed = (name: string | undefined) => (name === undefined ? {} : { name: `${name}${suffix}` })
  const { producers = [], consumers = [] } = (rawConfig.queues ?? {}) as Queues
  const config = {
    ...rawConfig,
    ...renamed(rawConfig.name),
    main: resolve(folder, rawConfig.main ?? 'index.ts'),
    vars: { ...rawConfig.vars, ...values[worker] },
    queues: {
      producers: producers.map((entry) => ({ ...entry, queue: `${entry.queue}${suffix}` })),
      consumers: consumers.map((entry) => ({
        ...entry,
        queue: `${entry.queue}${suffix}`,
        ...(entry.dead_letter_queue === undefined ? {} : { dead_letter_queue: `${entry.dead_letter_queue}${suffix}` }),
      })),
    },
    services: (rawConfig.services ?? []).map((entry: { service: string }) => ({
      ...entry,
      service: `${entry.service}${suffix}`,
    })),
    ...(rawConfig.assets?.directory === undefined
      ? {}
      : { assets: { ...rawConfig.assets, directory: join(directory, 'web') } }),
  }
  mkdirSync(directory, { recursive: true })
  const file = join(directory, `${worker}.json`)
  writeFileSync(file, JSON.stringify(config, null, 2))
  return file
}
