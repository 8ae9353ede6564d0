// Names for what the API says; all of it is generated from docs/openapi.yaml into schema.d.ts by the build.
import type { components, paths } from "./schema";

export type { paths };

type Schemas = components["schemas"];
export type Schema<Name extends keyof Schemas> = Schemas[Name];

export type Domain = Schema<"Domain">;
export type Origin = Schema<"Origin">;
export type Backup = Schema<"Backup">;
export type OriginRequest = NonNullable<Schema<"OriginRequest">>;
export type BackupRequest = NonNullable<Schema<"BackupRequest">>;
export type DomainRequest = NonNullable<Schema<"DomainRequest">>;
export type DomainHealth = Schema<"DomainHealth">;
export type AddressHealth = Schema<"AddressHealth">;
export type AddressState = Schema<"AddressState">;
export type Change = Schema<"Change">;
export type DryRun = Schema<"DryRun">;
export type Edge = Schema<"Edge">;
export type Edges = Schema<"Edges">;
export type Problem = Schema<"Problem">;
export type ProblemError = Schema<"ProblemError">;
export type Role = Schema<"Role">;
export type Stats = Schema<"Stats">;
export type Status = Schema<"Status">;
export type Version = Schema<"Version">;
export type Whoami = Schema<"Whoami">;
