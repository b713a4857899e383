ALTER TABLE `deployments` ADD `source` text;--> statement-breakpoint
ALTER TABLE `deployments` ADD `placement` text;