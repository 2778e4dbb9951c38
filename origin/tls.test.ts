import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { kafkaEnvironment, kafkaSettings } from './log/kafka/settings.ts'
import { certificatesOf, pemFile } from './tls.ts'

const folder = mkdtempSync(join(tmpdir(), 'tideline-pem-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const pem = '-----BEGIN CERTIFICATE-----\nnot really\n'

describe('certificates', () => {
  test('are read when settings are; what cannot be read, or is none, is said without its path', () => {
    expect(pemFile.parse(file('ca.pem', pem))).toBe(pem)
    for (const [wrong, sentence] of [
      [join(folder, 'none.pem'), 'names a file that cannot be read (ENOENT)'],
      [file('text.pem', 'hello'), 'names a file that holds no PEM'],
    ] as const) {
      expect(pemFile.safeParse(wrong).error?.issues.map(({ message }) => message)).toEqual([sentence])
    }
  })

  test('belong to TLS, and a certificate to its key', () => {
    const none = { ca: undefined, cert: undefined, key: undefined }
    expect(certificatesOf('X', false, none)).toBeNull()
    expect(certificatesOf('X', true, none)).toEqual({})
    expect(certificatesOf('X', true, { ca: pem, cert: pem, key: pem })).toEqual({ ca: pem, cert: pem, key: pem })
    expect(() => certificatesOf('X', false, { ...none, ca: pem })).toThrow('X_TLS=on')
    expect(() => certificatesOf('X', true, { ...none, cert: pem })).toThrow('X_CERT_FILE and X_KEY_FILE')
  })
})

describe('the settings of Kafka', () => {
  const read = (env: Record<string, string>, production = false) =>
    kafkaSettings(z.object(kafkaEnvironment).parse({ KAFKA_BROKERS: 'one.example:9092', ...env }), production)
  const user = { KAFKA_SASL: 'plain', KAFKA_USERNAME: 'tideline', KAFKA_PASSWORD: 'not a real one' }

  test('say neither TLS nor a sign-in by default', () => {
    expect(read({})).toMatchObject({ brokers: ['one.example:9092'], tls: null, sasl: null })
  })

  test('want three copies of everything in production, however many brokers are named, unless they say otherwise', () => {
    expect(read({}, true)?.replication).toBe(3)
    expect(read({ KAFKA_REPLICATION: '1' }, true)?.replication).toBe(1)
    expect(read({})?.replication).toBeUndefined()
  })

  test('take both, and an authority of one’s own', () => {
    expect(read({ ...user, KAFKA_TLS: 'on', KAFKA_CA_FILE: file('own.pem', pem) })).toMatchObject({
      tls: { ca: pem },
      sasl: { mechanism: 'plain', username: 'tideline', password: 'not a real one' },
    })
  })

  test('are refused where something is missing, or a password would be readable on the way', () => {
    expect(() => read({ KAFKA_USERNAME: 'tideline' })).toThrow('belong together')
    expect(() => read({ ...user, KAFKA_SASL: 'gssapi' })).toThrow()
    expect(() => read(user, true)).toThrow('KAFKA_TLS=on')
    expect(read({ ...user, KAFKA_SASL: 'scram-sha-512' }, true)?.sasl?.mechanism).toBe('scram-sha-512')
  })
})
