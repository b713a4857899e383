CREATE TABLE `audit_entries` (
	`entry_id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at` integer NOT NULL,
	`actor_type` text NOT NULL,
	`actor_id` text NOT NULL,
	`action` text NOT NULL,
	`target` text NOT NULL,
	`detail` text,
	`request_id` text,
	`prev_hash` text,
	`hash` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_entries_seq` ON `audit_entries` (`team_id`,`seq`);--> statement-breakpoint
CREATE TABLE `outbox` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`payload` text NOT NULL,
	`created_at` integer NOT NULL,
	`due_at` integer NOT NULL,
	`attempts` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`due_at`);--> statement-breakpoint
CREATE TABLE `idempotency` (
	`team_id` text NOT NULL,
	`key` text NOT NULL,
	`fingerprint` text NOT NULL,
	`status` integer,
	`body` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `idempotency_key` ON `idempotency` (`team_id`,`key`);--> statement-breakpoint
CREATE INDEX `idempotency_age` ON `idempotency` (`created_at`);--> statement-breakpoint
CREATE TABLE `teams` (
	`id` text PRIMARY KEY NOT NULL,
	`slug` text NOT NULL,
	`name` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `teams_slug` ON `teams` (`slug`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`hash` text NOT NULL,
	`role` text NOT NULL,
	`scopes` text,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`last_used_at` integer,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_hash` ON `tokens` (`hash`);--> statement-breakpoint
CREATE INDEX `tokens_team` ON `tokens` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `blobs` (
	`team_id` text NOT NULL,
	`sha256` text NOT NULL,
	`size` integer NOT NULL,
	`touched_at` integer NOT NULL,
	`br_bytes` integer,
	`gzip_bytes` integer,
	PRIMARY KEY(`team_id`, `sha256`)
);
--> statement-breakpoint
CREATE INDEX `blobs_age` ON `blobs` (`touched_at`);--> statement-breakpoint
CREATE TABLE `manifest_blobs` (
	`team_id` text NOT NULL,
	`sha256` text NOT NULL,
	`deployment_id` text NOT NULL,
	PRIMARY KEY(`team_id`, `sha256`, `deployment_id`)
);
--> statement-breakpoint
CREATE INDEX `manifest_blobs_deployment` ON `manifest_blobs` (`deployment_id`);--> statement-breakpoint
CREATE TABLE `upload_parts` (
	`team_id` text NOT NULL,
	`sha256` text NOT NULL,
	`part` integer NOT NULL,
	`size` integer NOT NULL,
	`etag` text NOT NULL,
	PRIMARY KEY(`team_id`, `sha256`, `part`)
);
--> statement-breakpoint
CREATE TABLE `uploads` (
	`team_id` text NOT NULL,
	`sha256` text NOT NULL,
	`size` integer NOT NULL,
	`multipart_id` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`team_id`, `sha256`)
);
--> statement-breakpoint
CREATE INDEX `uploads_age` ON `uploads` (`created_at`);--> statement-breakpoint
CREATE TABLE `deployments` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`project_id` text NOT NULL,
	`target` text NOT NULL,
	`branch` text,
	`git` text,
	`hostname` text NOT NULL,
	`manifest` text NOT NULL,
	`file_count` integer NOT NULL,
	`bytes` integer NOT NULL,
	`env_digest` text NOT NULL,
	`pointer_targets` text NOT NULL,
	`build_log` text,
	`redeploy_of` text,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`status` text NOT NULL,
	`state_seq` integer NOT NULL,
	`site` text,
	`error_code` text,
	`error_detail` text,
	`error_fix` text,
	`ready_at` integer,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `deployments_project` ON `deployments` (`project_id`,`id`);--> statement-breakpoint
CREATE INDEX `deployments_team` ON `deployments` (`team_id`,`id`);--> statement-breakpoint
CREATE INDEX `deployments_open` ON `deployments` (`status`,`updated_at`);--> statement-breakpoint
CREATE TABLE `data_keys` (
	`team_id` text PRIMARY KEY NOT NULL,
	`kek_id` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `env_var_targets` (
	`env_var_id` text NOT NULL,
	`project_id` text NOT NULL,
	`key` text NOT NULL,
	`target` text NOT NULL,
	`branch` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `env_var_targets_once` ON `env_var_targets` (`project_id`,`key`,`target`,`branch`);--> statement-breakpoint
CREATE INDEX `env_var_targets_var` ON `env_var_targets` (`env_var_id`);--> statement-breakpoint
CREATE TABLE `env_vars` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`key` text NOT NULL,
	`sealed` text NOT NULL,
	`targets` text NOT NULL,
	`branch` text NOT NULL,
	`sensitive` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `env_vars_project` ON `env_vars` (`project_id`,`id`);--> statement-breakpoint
CREATE TABLE `hosts` (
	`hostname` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`ref` text NOT NULL,
	`project_id` text NOT NULL,
	`team_id` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `hosts_project` ON `hosts` (`project_id`);--> statement-breakpoint
CREATE INDEX `hosts_ref` ON `hosts` (`ref`);--> statement-breakpoint
CREATE TABLE `pointers` (
	`project_id` text NOT NULL,
	`target` text NOT NULL,
	`epoch` integer NOT NULL,
	`live_deployment` text,
	`held` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`project_id`, `target`)
);
--> statement-breakpoint
CREATE TABLE `project_settings` (
	`project_id` text NOT NULL,
	`version` integer NOT NULL,
	`settings` text NOT NULL,
	`at` integer NOT NULL,
	`actor_id` text NOT NULL,
	PRIMARY KEY(`project_id`, `version`)
);
--> statement-breakpoint
CREATE TABLE `projects` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`settings` text NOT NULL,
	`settings_version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `projects_name` ON `projects` (`team_id`,`name`);--> statement-breakpoint
CREATE INDEX `projects_team` ON `projects` (`team_id`,`id`);