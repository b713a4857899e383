ALTER TABLE `deployments` ADD `percent` integer;--> statement-breakpoint
ALTER TABLE `pointers` ADD `canary_deployment` text;--> statement-breakpoint
ALTER TABLE `pointers` ADD `canary_percent` integer;--> statement-breakpoint
ALTER TABLE `projects` ADD `kind` text DEFAULT 'site' NOT NULL;