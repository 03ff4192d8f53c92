module nodelet.invalid/pause

go 1.21
