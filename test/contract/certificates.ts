/** A made-up authority and what it has signed, for tests of TLS: made by openssl in a moment, gone with the test. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestCertificates {
  /** PEM. */
  ca: string
  cert: string
  key: string
  /** Of an authority that has signed nothing here. */
  otherCa: string
  /** The folder they lie in as files: ca.pem, cert.pem, key.pem. */
  folder: string
  remove(): void
}

/** @param names the server's: host names and addresses */
export function makeCertificates(names: { dns: readonly string[]; ip: readonly string[] }): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), 'tideline-tls-'))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      ...curve,
      '-keyout',
      `${name}-key.pem`,
      '-out',
      `${name}.pem`,
      ...['-days', '2'],
      '-subj',
      `/CN=${name}`,
    )
  authority('ca')
  authority('other')
  const san = [...names.dns.map((name) => `DNS:${name}`), ...names.ip.map((address) => `IP:${address}`)].join(',')
  openssl(
    ...['req', '-x509', ...curve, '-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2', '-subj', '/CN=test server'],
    ...['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-addext', `subjectAltName=${san}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
  )
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  return {
    ca: read('ca.pem'),
    cert: read('cert.pem'),
    key: read('key.pem'),
    otherCa: read('other.pem'),
    folder,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
