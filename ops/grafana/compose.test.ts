/** ops/grafana/compose.yaml cannot be run where there is no Docker engine; what can be said of it without one is said here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, it } from 'vitest'
import { parse } from 'yaml'

const folder = import.meta.dirname
const file = parse(readFileSync(join(folder, 'compose.yaml'), 'utf8')) as {
  services: Record<string, { volumes: string[] }>
}

it('is valid by the schema of the Compose specification', () => {
  const schema = JSON.parse(readFileSync(join(folder, '../cluster/schema/compose-spec.json'), 'utf8')) as object
  const validate = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(schema)
  validate(file)
  expect(validate.errors ?? []).toEqual([])
})

it('mounts what is there, each file where those that name it look for it', () => {
  const mounts = Object.values(file.services).flatMap(({ volumes }) => volumes.map((volume) => volume.split(':')))
  for (const [source = ''] of mounts) expect(existsSync(join(folder, source)), source).toBe(true)
  const targets = mounts.map(([, target]) => target)
  const { providers } = parse(readFileSync(join(folder, 'provisioning.yaml'), 'utf8')) as {
    providers: { options: { path: string } }[]
  }
  expect(targets).toContain(providers[0]?.options.path)
  expect(targets).toContain('/etc/prometheus/alerts.yaml')
})

it('shows dashboards that differ by uid and by title', () => {
  const dashboards = readdirSync(join(folder, 'dashboards')).map(
    (name) => JSON.parse(readFileSync(join(folder, 'dashboards', name), 'utf8')) as { uid: string; title: string },
  )
  expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(4)
  expect(new Set(dashboards.map(({ title }) => title)).size).toBe(4)
})
