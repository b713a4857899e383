ALTER TABLE `deployments` ADD `pinned_until` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `deployments` ADD `removing_until` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `deployments_site` ON `deployments` (`site`);--> statement-breakpoint
CREATE INDEX `deployments_env` ON `deployments` (`env_digest`);