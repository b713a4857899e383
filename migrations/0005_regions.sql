CREATE TABLE `regions` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`latitude` real NOT NULL,
	`longitude` real NOT NULL,
	`weight` integer NOT NULL,
	`is_shared` integer NOT NULL,
	`created_at` integer NOT NULL,
	`removed_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `regions_name` ON `regions` (`team_id`,`name`) WHERE removed_at is null;--> statement-breakpoint
CREATE INDEX `regions_team` ON `regions` (`team_id`,`id`);